import { expect, test } from 'vitest'
import { GroupMember } from '../../test/support/group-member.ts'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { ScriptedBroker } from '../../test/support/scripted-broker.ts'
import { scriptSoloGroup } from '../../test/support/scripted-group.ts'
import { Cluster } from '../cluster/cluster.ts'
import { silentLogger } from '../logger.ts'
import { Metrics } from '../metrics.ts'
import { resolveKafkaOptions } from '../options.ts'

test('checkSession detects an event loop that was blocked for a whole session', async () => {
  const runtime = new ManualRuntime()
  const peer = new ScriptedBroker(runtime.network)
  scriptSoloGroup(peer)
  const options = resolveKafkaOptions({ brokers: peer.bootstrap, runtime, logger: silentLogger })
  const cluster = new Cluster(options, new Metrics())
  const member = new GroupMember(cluster)
  member.membership.start()
  await runtime.settle()
  expect(member.membership.state).toBe('stable')
  member.calls.length = 0

  runtime.stall(9_000)
  expect(member.membership.checkSession()).toBe(true)
  runtime.stall(2_000)
  expect(member.membership.checkSession()).toBe(false)
  await runtime.settle()
  expect(member.calls[0]).toBe('lost 0,1,2')

  const left = member.leave()
  await runtime.advance(20_000)
  await left
  await cluster.close()
  expect(runtime.pendingTimers).toBe(0)
})
