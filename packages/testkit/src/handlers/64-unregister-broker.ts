import { UnregisterBroker } from '@ottla/codec'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const handle: Handler<typeof UnregisterBroker> = ({ cluster }, { brokerId }) => {
  const { controller } = cluster
  if (controller.state.broker(brokerId) === undefined) {
    const errorMessage = `Broker ID ${brokerId} is not currently registered`
    return { throttleTimeMs: 0, errorCode: codes.of('BROKER_ID_NOT_REGISTERED'), errorMessage }
  }
  controller.unregister(brokerId)
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: null }
}

export const unregisterBrokerHandler = serves(UnregisterBroker, allVersions(UnregisterBroker), handle)
