import { ApiVersions, UpdateFeatures } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

const up = 1
const down = 2
const downUnsafe = 3

type Update = readonly [feature: string, level: number, type: number]

function request(version: number, updates: readonly Update[], validateOnly = false) {
  const featureUpdates = updates.map(([feature, maxVersionLevel, upgradeType]) => ({
    feature,
    maxVersionLevel,
    ...(version === 0 ? { allowDowngrade: upgradeType !== up } : { upgradeType }),
  }))
  return { timeoutMs: 10_000, featureUpdates, ...(version >= 1 && { validateOnly }) }
}

/** The message contains the id of the active controller, which varies between runs. */
const updated = async (stage: Stage<typeof UpdateFeatures>, label: string, body: ReturnType<typeof request>) => {
  const { errorMessage, ...response } = await stage.do(UpdateFeatures, stage.version, body)
  stage.saw(label, { ...response, errorMessage: errorMessage?.replace(/controller \d/, 'controller N') ?? null })
}

async function levelOf(stage: Stage<typeof UpdateFeatures>, feature: string): Promise<number> {
  const software = { clientSoftwareName: 'ottla', clientSoftwareVersion: '1' }
  const { finalizedFeatures } = await stage.do(ApiVersions, 4, software)
  return finalizedFeatures.find(({ name }) => name === feature)?.maxVersionLevel ?? 0
}

export const updateFeatures = conformance(
  UpdateFeatures,
  {
    async valid(stage, version) {
      const feature = 'streams.version'
      await updated(stage, 'as it is', request(version, [['transaction.version', 2, up]]))
      // Only later versions can downgrade.
      if (version === 0) return
      await updated(stage, 'off', request(version, [[feature, 0, down]]))
      await stage.until('off', async () => (await levelOf(stage, feature)) === 0)
      await updated(stage, 'on', request(version, [[feature, 1, up]]))
      await stage.until('on', async () => (await levelOf(stage, feature)) === 1)
      await updated(
        stage,
        'only looked at',
        request(
          version,
          [
            [feature, 0, downUnsafe],
            ['group.version', 1, up],
          ],
          true,
        ),
      )
      stage.saw('still on', await levelOf(stage, feature))
    },
    async invalid(stage, version) {
      await updated(stage, 'nothing', request(version, []))
      await updated(stage, 'no such feature', request(version, [['no.version', 1, up]]))
      await updated(stage, 'no name', request(version, [['', 1, up]]))
      await updated(stage, 'no such level', request(version, [['transaction.version', 9, up]]))
      await updated(stage, 'a level below 0', request(version, [['transaction.version', -1, down]]))
      if (version > 0) await updated(stage, 'no such way', request(version, [['transaction.version', 1, 7]]))
      await updated(
        stage,
        'one is wrong',
        request(version, [
          ['group.version', 1, up],
          ['no.version', 1, up],
        ]),
      )
    },
    async wrongState(stage, version) {
      await updated(stage, 'down on the way up', request(version, [['transaction.version', 1, up]]))
      await updated(stage, 'off on the way up', request(version, [['share.version', 0, up]]))
      await updated(stage, 'metadata down', request(version, [['metadata.version', 29, down]]))
      if (version === 0) return
      await updated(stage, 'metadata down, unsafe', request(version, [['metadata.version', 29, downUnsafe]], true))
      await updated(stage, 'up on the way down', request(version, [['kraft.version', 1, down]], true))
    },
  },
  { alone: true },
)
