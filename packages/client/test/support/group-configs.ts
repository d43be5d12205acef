import { IncrementalAlterConfigs, type IncrementalAlterConfigsResponse } from '@ottla/codec'

export type GroupConfigs = Readonly<Record<string, string | number | boolean>>

type Body = Parameters<typeof bodyOf>

/** Something that sends requests to a broker. */
interface Requester {
  request(
    api: typeof IncrementalAlterConfigs,
    body: ReturnType<typeof bodyOf>,
  ): Promise<IncrementalAlterConfigsResponse>
}

/** The resource type of groups in requests about configs. */
const groupResource = 32

function bodyOf(groupId: string, configs: GroupConfigs) {
  const values = Object.entries(configs).map(([name, value]) => ({ name, configOperation: 0, value: String(value) }))
  return { resources: [{ resourceType: groupResource, resourceName: groupId, configs: values }], validateOnly: false }
}

/** Sets configs of a group, for which the client has no call. */
export async function configureGroup(requester: Requester, ...[groupId, configs]: Body): Promise<void> {
  const { responses } = await requester.request(IncrementalAlterConfigs, bodyOf(groupId, configs))
  if (responses[0]?.errorCode !== 0) throw new Error(`setting configs failed: ${responses[0]?.errorMessage}`)
}
