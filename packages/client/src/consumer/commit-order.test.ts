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
  peer.next(OffsetCommit, () => undefined)
  const first = consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
  const second = consumer.commit([{ topic: 't', partition: 0, offset: 2 }])
  await runtime.settle()
  expect(peer.requests(OffsetCommit)).toHaveLength(1)
  const partitions = [{ partitionIndex: 0, errorCode: 0 }]
  peer.requests(OffsetCommit)[0]!.respond({ topics: [{ name: 't', partitions }] })
  await Promise.all([first, second])
  expect(scripted.committed.get(0)).toBe(2n)
  await scripted.close()
})
