import type { Api } from '@ottla/codec'
import { bob, type Denial, inVersion, theCluster, withDenied } from '../acls.ts'
import { type Case, conformance } from '../case.ts'
import { byName } from '../denied/by-name.ts'
import type { Asks, Names } from '../denied/names.ts'
import { onCluster } from '../denied/on-cluster.ts'
import type { Stage } from '../stage.ts'

/** As bob asks it in each version, while he may not. */
function deniedCase(api: Api, asks: Asks, denialsOf: (names: Names) => readonly Denial[], alone: boolean): Case {
  const wrongState = async (stage: Stage, version: number) => {
    const names = await namesOn(stage)
    await withDenied(stage, denialsOf(names), async () => {
      for (const [label, bodyOf] of Object.entries(asks)) {
        const on = await stage.open({ user: bob })
        const body = inVersion(api.request.fields, version, bodyOf(names, version))
        await stage.ask(`denied: ${label}`, body as never, { on })
      }
    })
  }
  return conformance(api, { wrongState }, { alone })
}

async function namesOn(stage: Stage): Promise<Names> {
  const [denied, open] = [stage.name('denied'), stage.name('open')]
  await stage.createTopic(denied)
  await stage.createTopic(open)
  const [deniedId, openId] = [await stage.topicId(denied), await stage.topicId(open)]
  const others = { missing: stage.name('missing'), group: stage.name('group'), transaction: stage.name('txn') }
  return { denied, deniedId, open, openId, ...others }
}

/** Topics and what else is closed by name. */
export const deniedByName: readonly Case[] = byName.map(([api, asks]) =>
  deniedCase(
    api,
    asks,
    ({ denied, missing, group, transaction }) => [
      { type: 'TOPIC', name: denied },
      { type: 'TOPIC', name: missing },
      { type: 'GROUP', name: group },
      { type: 'TRANSACTIONAL_ID', name: transaction },
    ],
    false,
  ),
)

/** The cluster is closed: nothing else is played meanwhile. */
export const deniedOnCluster: readonly Case[] = onCluster.map(([api, asks]) =>
  deniedCase(api, asks, () => [theCluster], true),
)
