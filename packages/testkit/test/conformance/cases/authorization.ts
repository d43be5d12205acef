import type { Api } from '@ottla/codec'
import { type Denial, inVersion, openBob, theCluster, withDenied } from '../acls.ts'
import { type Case, conformance } from '../case.ts'
import { byName } from '../denied/by-name.ts'
import type { Asks, Names } from '../denied/names.ts'
import { onCluster } from '../denied/on-cluster.ts'
import type { Stage } from '../stage.ts'

/** Denied requests of bob in each version. */
function deniedCase(api: Api, asks: Asks, alone: boolean): Case {
  const wrongState = async (stage: Stage, version: number) => {
    // A random broker.
    stage.drop('controllerId')
    const names = await namesOn(stage, alone ? 'c-' : '')
    await withDenied(stage, [...denialsOf(names), ...(alone ? [theCluster] : [])], async () => {
      for (const [label, bodyOf] of Object.entries(asks)) {
        const given = bodyOf(names, version)
        if (given === undefined) continue
        const on = await openBob(stage)
        await stage.ask(`denied: ${label}`, inVersion(api.request.fields, version, given) as never, { on })
      }
    })
  }
  return conformance(api, { wrongState }, { alone })
}

/** `prefix`: separates the parts of two cases on one stage. */
async function namesOn(stage: Stage, prefix: string): Promise<Names> {
  const nameOf = (hint: string) => stage.name(`${prefix}${hint}`)
  const [denied, open] = [nameOf('denied'), nameOf('open')]
  await stage.createTopic(denied)
  await stage.createTopic(open)
  const [deniedId, openId] = [await stage.topicId(denied), await stage.topicId(open)]
  const others = {
    missing: nameOf('missing'),
    fresh: nameOf('fresh'),
    group: nameOf('group'),
    transaction: nameOf('txn'),
  }
  return { denied, deniedId, open, openId, ...others }
}

const denialsOf = ({ denied, missing, fresh, group, transaction }: Names): readonly Denial[] => [
  { type: 'TOPIC', name: denied },
  { type: 'TOPIC', name: missing },
  { type: 'TOPIC', name: fresh, operation: 'CREATE' },
  { type: 'GROUP', name: group },
  { type: 'TRANSACTIONAL_ID', name: transaction },
]

/** Denials of topics and other named resources. */
export const deniedByName: readonly Case[] = byName.map(([api, asks]) => deniedCase(api, asks, false))

/** Denials of cluster operations too, so nothing else runs at the same time. */
export const deniedOnCluster: readonly Case[] = onCluster.map(([api, asks]) => deniedCase(api, asks, true))
