type Values = ReadonlyMap<string, string>

/** The configs of groups and of client metrics subscriptions, by name. Immutable: a change creates a new image. */
export interface ResourceConfigs {
  readonly groups: ReadonlyMap<string, Values>
  readonly clientMetrics: ReadonlyMap<string, Values>
}

export const noResourceConfigs: ResourceConfigs = { groups: new Map(), clientMetrics: new Map() }

const none: Values = new Map()

/** A group's configs in a broker's metadata; empty when none are set. The group need not exist. */
export function groupConfigs({ groups }: ResourceConfigs, groupId: string): Values {
  return groups.get(groupId) ?? none
}

/** Like `groupConfigs`, for a client metrics subscription. */
export function clientMetricsConfigs({ clientMetrics }: ResourceConfigs, name: string): Values {
  return clientMetrics.get(name) ?? none
}

/** The image with new values for one name; a name without values is removed. */
export function withConfigs(
  image: ResourceConfigs,
  kind: keyof ResourceConfigs,
  name: string,
  values: Values,
): ResourceConfigs {
  const all = new Map(image[kind])
  if (values.size === 0) all.delete(name)
  else all.set(name, values)
  return { ...image, [kind]: all }
}
