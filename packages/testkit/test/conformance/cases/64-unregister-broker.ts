import { DescribeCluster, UnregisterBroker } from '@ottla/codec'
import { conformance } from '../case.ts'

const brokers = { includeClusterAuthorizedOperations: false, endpointType: 1, includeFencedBrokers: true }

/** Further steps would require the loss of a live broker; unit tests cover them. */
export const unregisterBroker = conformance(UnregisterBroker, {
  async valid(stage) {
    stage.drop('controllerId')
    await stage.ask('an unknown broker', { brokerId: 4711 })
    await stage.note('all are there', DescribeCluster, 2, brokers)
  },
  async invalid(stage) {
    await stage.ask('a negative id', { brokerId: -1 })
    await stage.ask('the largest id', { brokerId: 2_147_483_647 })
  },
  async wrongState(stage) {
    await stage.ask('once', { brokerId: 99 })
    await stage.ask('again', { brokerId: 99 })
  },
})
