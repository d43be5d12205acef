import { DescribeCluster } from '@ottla/codec'
import { conformance } from '../case.ts'

const brokers = 1
const controllers = 2

const request = (version: number, { endpointType = brokers, operations = false, fenced = false } = {}) => ({
  includeClusterAuthorizedOperations: operations,
  ...(version >= 1 && { endpointType }),
  ...(version >= 2 && { includeFencedBrokers: fenced }),
})

export const describeCluster = conformance(DescribeCluster, {
  async valid(stage, version) {
    // A broker returns any live broker as the controller.
    stage.drop('controllerId')
    await stage.ask('brokers', request(version))
    await stage.ask('with operations', request(version, { operations: true }))
    if (version >= 2) await stage.ask('fenced ones too', request(version, { fenced: true }))
    await stage.ask('asked of another', request(version), { on: await stage.open({ broker: 2 }) })
  },
  async invalid(stage, version) {
    stage.drop('controllerId')
    if (version === 0) {
      await stage.ask('nothing else can be asked', request(version))
      return
    }
    await stage.ask('no such endpoints', request(version, { endpointType: 7 }))
    await stage.ask('endpoints of type 0', request(version, { endpointType: 0 }))
  },
  async wrongState(stage, version) {
    stage.drop('controllerId')
    if (version === 0) await stage.ask('again', request(version))
    else await stage.ask('controllers, of a broker', request(version, { endpointType: controllers }))
  },
})
