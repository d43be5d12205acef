// How scripts/check-readme.mjs runs the commands of README.md and CONTRIBUTING.md that it does not simply run to their end.

/**
 * @typedef {object} Form
 * @property {string} why
 * @property {string} [run] a shorter command in its place
 * @property {RegExp} [until] Ctrl-C follows when the output has this; the command must then end
 * @property {boolean} [stays] runs until the end of the check, and gets its Ctrl-C there
 * @property {boolean} [skip] is not run
 * @property {boolean} [needsJava] is left out without Java and Maven, unless CI=true
 * @property {boolean} [withoutSetup] needs nothing installed or built
 */

/** Random runs, load and measurements, which take minutes by default. @type {Record<string, Form>} */
const longRuns = {
  'npm run conformance -- codec': {
    run: 'npm run conformance -- codec --samples 1',
    until: /files compared, 0 differ/,
    why: 'a test of CI compares all values',
    needsJava: true,
  },
  'npm run fuzz -- codec': { run: 'npm run fuzz -- codec --runs 500', why: 'the default runs for minutes' },
  'npm run mutants -- testkit': { skip: true, why: 'the same script as for the codec' },
  'npm run chaos -- consumer --seeds 5000': { run: 'npm run chaos -- consumer --seeds 20', why: '5000 take an hour' },
  'npm run chaos -- producer --seeds 5000': { run: 'npm run chaos -- producer --seeds 20', why: '5000 take an hour' },
  'npm run chaos -- exactly-once --seeds 1000': {
    run: 'npm run chaos -- exactly-once --seeds 5',
    why: '1000 take an hour',
  },
  'npm run scenarios -- 2.1': {
    until: /✓/,
    why: 'all scenarios take minutes: the first one shows that that Kafka serves',
    needsJava: true,
  },
  'npm run soak -- testkit': { run: 'npm run soak -- testkit --hours 0.5', why: '24 hours take a minute' },
  'npm run soak -- producer --minutes 30': {
    run: 'npm run soak -- producer --minutes 0.2',
    why: 'the default takes half an hour',
    needsJava: true,
  },
  'npm run bench -- failover': {
    run: 'npm run bench -- failover --runs 3 --real 0',
    why: 'a real Kafka takes minutes to elect leaders that many times',
  },
  'npm run bench -- produce --peers': {
    skip: true,
    why: 'it installs clients with native code and takes half an hour',
  },
  'npm run bench -- consume --peers': { skip: true, why: 'it installs the same clients' },
  'npm run bench -- scale': {
    until: /one consumer of 10,000 partitions/,
    why: 'it takes two minutes: the first of its four parts shows that it works',
  },
  'npm run bench -- produce consume': {
    run: 'npm run bench -- produce consume --brokers localhost:9092 --records 2000 --runs 1 --only arrays,batches,latency',
    why: 'few records, on the cluster of README.md: figures are not the point here',
  },
}

/**
 * @param {{ mutant: string, kafka: string }} names a mutant of the codec, and a folder for a Kafka
 * @returns {Record<string, Form>}
 */
export const formsOf = ({ mutant, kafka }) => ({
  'npm run demo -- --brokers localhost:9092': {
    until: /^\d users\b/m,
    why: 'the whole tour was just run on an embedded cluster: its first part shows that it works on brokers',
  },
  'npm run test:unit': { run: 'npm run test:unit -- packages/codec/src/wire', why: 'CI runs all tests' },
  'npm run test:watch': {
    run: 'npm run test:watch -- packages/codec/src/wire',
    until: /\d+ passed, 0 failed/,
    why: 'it watches for ever; CI runs all tests',
  },
  'npm test': { skip: true, why: 'CI itself' },
  'npm test -- packages/codec': { run: 'npm test -- packages/codec/src/wire', why: 'CI runs all tests' },
  'npm test -- docs': { run: 'npm test -- docs/blocks -t getting-started', why: 'CI runs all tests' },
  'bash .ci/run': { skip: true, why: 'CI itself' },
  'npm run check': { run: 'npm run check -- lint', why: 'its parts are run one by one' },
  'npm run check:packed': { until: /^ok /m, why: 'npm run check runs it to its end' },
  'npm run check:bundles': { until: /^ok /m, why: 'npm run check runs it to its end' },
  'npm run check:types': { until: /^ok /m, why: 'npm run check runs it to its end' },
  'npm run docs:api': { run: 'npm run check:api', why: 'the same without writing the pages' },
  'npm run check:long': { skip: true, why: 'its parts are run one by one' },
  'npm run check:long -- soak': { until: /^soak: /m, why: '24 hours take a minute', withoutSetup: true },
  'npm run check:readme': { skip: true, why: 'this check itself' },
  'npx -p @ottla/testkit ottla-testkit --port 9092 --topic payments:2:3': {
    until: /ottla-testkit ready:/,
    stays: true,
    why: 'it serves until Ctrl-C',
  },
  'node consume.mjs': { until: /12\.50/, why: 'it waits for more records until Ctrl-C' },
  'npm run kafka -- up': {
    run: `npm run kafka -- up --brokers 1 --dir ${kafka}`,
    why: 'one broker starts faster, in its own folder, so that a Kafka of yours keeps running',
    needsJava: true,
    withoutSetup: true,
  },
  'npm run kafka -- down': {
    run: `npm run kafka -- down --dir ${kafka}`,
    why: 'the folder of the broker above',
    needsJava: true,
    withoutSetup: true,
  },
  'npm run mutants -- codec': { run: `npm run mutants -- codec ${mutant}`, why: 'all mutants take minutes' },
  ...longRuns,
  'npm run changeset': { run: 'npm run changeset -- --empty', why: 'it asks questions' },
})
