type Values = ReadonlyMap<string, string>

/** What was set for groups and for subscriptions of client metrics, by their names; an image, never changed. */
export interface ResourceConfigs {
  readonly groups: ReadonlyMap<string, Values>
  readonly clientMetrics: ReadonlyMap<string, Values>
}

export const noResourceConfigs: ResourceConfigs = { groups: new Map(), clientMetrics: new Map() }

const none: Values = new Map()

/** What was set for a group, as one broker knows it: empty when nothing was. The group need not be there. */
export function groupConfigs({ groups }: ResourceConfigs, groupId: string): Values {
  return groups.get(groupId) ?? none
}

/** The same for a subscription of client metrics. */
export function clientMetricsConfigs({ clientMetrics }: ResourceConfigs, name: string): Values {
  return clientMetrics.get(name) ?? none
}

/** The image with other values for one name; a name without values is gone. */
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
