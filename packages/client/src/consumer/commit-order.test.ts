import { OffsetCommit } from '@ottla/codec'
import { expect, test } from 'vitest'
import { take } from '../../test/support/consuming.ts'
import { ScriptedConsumer } from '../../test/support/scripted-consumer.ts'

test('a commit is sent when the previous one has a response, and never overtakes it', async () => {
  const scripted = new ScriptedConsumer()
  const { peer, runtime } = scripted
  scripted.log.append(['a'])
  const consumer = scripted.consumer()
  const taken = take(consumer.messages(), 1)
  await runtime.advance(2_000)
  await taken
  // That of the start is the first.
  const before = peer.requests(OffsetCommit).length
  peer.next(OffsetCommit, () => undefined)
  const first = consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
  await runtime.settle()
  const second = consumer.commit([{ topic: 't', partition: 0, offset: 2 }])
  await runtime.settle()
  expect(peer.requests(OffsetCommit)).toHaveLength(before + 1)
  const partitions = [{ partitionIndex: 0, errorCode: 0 }]
  const { topicId } = peer.requests(OffsetCommit)[before]!.body.topics[0]!
  peer.requests(OffsetCommit)[before]!.respond({ topics: [{ name: 't', topicId, partitions }] })
  await Promise.all([first, second])
  expect(scripted.committed.get(0)).toBe(2n)
  await scripted.close()
})
