import { expect, test } from 'vitest'
import { loadCases } from './case.ts'
import { verdicts } from './compare.ts'
import { play } from './play.ts'
import { readRecording } from './recording.ts'
import { startTestkit } from './target.ts'

/** Some steps wait for a session timeout, a lock or a delay. */
const timeoutMs = 120_000

test('the testkit responds like the recording of Apache Kafka 4.3.1', { timeout: timeoutMs }, async () => {
  const { advertised, played } = readRecording()
  const { cluster, target } = await startTestkit()
  await using _ = cluster
  const ours = await play(target, await loadCases(), { advertised })
  const different = verdicts(advertised, played, ours).filter(({ isEqual }) => !isEqual)
  const texts = different.flatMap(({ api, version, parts }) =>
    parts.flatMap(({ part, differences }) => differences.map((each) => `${api} ${version} ${part}: ${each}`)),
  )
  expect(texts).toEqual([])
  expect(different.map(({ api, version }) => `${api} ${version}`)).toEqual([])
})
