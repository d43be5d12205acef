import { brokerDocsAToL } from './data/config-docs-a-to-l.ts'
import { brokerDocsMToZ } from './data/config-docs-m-to-z.ts'
import { clientMetricsDocs, groupDocs, topicDocs } from './data/config-docs-of-resources.ts'

export type DocumentedResource = 'topic' | 'broker' | 'group' | 'clientMetrics'

const rows: Readonly<Record<DocumentedResource, string>> = {
  topic: topicDocs,
  broker: brokerDocsAToL + brokerDocsMToZ,
  group: groupDocs,
  clientMetrics: clientMetricsDocs,
}

const parsed = new Map<DocumentedResource, ReadonlyMap<string, string>>()

/** A sentence on each config of a resource, by name; parsed on first use. */
export function configDocs(resource: DocumentedResource): ReadonlyMap<string, string> {
  const known = parsed.get(resource)
  if (known !== undefined) return known
  const lines = rows[resource].split('\n').filter((row) => row !== '')
  const docs = new Map(
    lines.map((row): [string, string] => [row.slice(0, row.indexOf(' ')), row.slice(row.indexOf(' ') + 1)]),
  )
  parsed.set(resource, docs)
  return docs
}
