/** The layers hold for what ships: a test of a lower layer may well use a higher one. */
const aTest = '\\.test\\.ts$'

/**
 * The testkit's layers, the lowest first: folders of `packages/testkit/src`, or prefixes of files in it. A layer imports only
 * itself and lower ones, types included; entries of one row do not import each other.
 */
const testkitLayers = [
  ['state', 'network', 'messages'],
  ['controllers', 'storage', 'runtime'],
  ['connection'],
  ['broker'],
  ['handlers', 'invariants'],
  ['authorization', 'faults'],
  ['traffic'],
  ['dispatch'],
  ['cluster'],
  ['control', 'fixtures'],
  ['cli', 'index'],
]

const testkitPaths = (names) => `^packages/testkit/src/(${names.join('|')})[/.-]`

const testkitLayerRules = testkitLayers.flatMap((row, level) =>
  row.map((name) => ({
    name: `testkit-layer-${name}`,
    severity: 'error',
    from: { path: testkitPaths([name]), pathNot: aTest },
    to: { path: testkitPaths([...row, ...testkitLayers.slice(level + 1).flat()]), pathNot: testkitPaths([name]) },
  })),
)

const testkitState = 'packages/testkit/src/state'
/** The folders with the state of a coordinator: one for each kind of group, and transactions. */
const groupKinds = 'classic-groups|consumer-groups|streams-groups|shares|transactions'

/** Import directions. `scripts/check-imports.mjs` runs it and makes sure that it saw any modules at all. */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'Type imports count.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'runtime-imports-no-sibling',
      severity: 'error',
      from: { path: '^packages/runtime/' },
      to: { path: '^packages/(codec|client|testkit)/' },
    },
    {
      name: 'codec-imports-no-sibling',
      severity: 'error',
      from: { path: '^packages/codec/' },
      to: { path: '^packages/(runtime|client|testkit)/' },
    },
    {
      name: 'testkit-imports-codec-only',
      severity: 'error',
      from: { path: '^packages/testkit/' },
      to: { path: '^packages/client/' },
    },
    {
      name: 'src-never-imports-testkit',
      comment: 'The tests in packages/client/test use the testkit; the client itself does not.',
      severity: 'error',
      from: { path: '^packages/(runtime|codec|client)/src/' },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'no-relative-path-into-a-sibling',
      comment: "A sibling is imported by its name, through its package.json's exports.",
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/[^/]+/', pathNot: '^packages/$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'client-layers',
      comment: 'runtime <- net <- cluster <- {producer, consumer, admin}; group <- cluster.',
      severity: 'error',
      from: { path: '^packages/client/src/(runtime|net|cluster)/', pathNot: aTest },
      to: { path: '^packages/client/src/(producer|consumer|share|admin|group|exactly-once|kafka\\.ts|index\\.ts)' },
    },
    {
      name: 'client-lower-layers',
      severity: 'error',
      from: { path: '^packages/client/src/(runtime|net)/', pathNot: aTest },
      to: { path: '^packages/client/src/cluster/' },
    },
    {
      name: 'client-runtime-is-the-lowest-layer',
      severity: 'error',
      from: { path: '^packages/client/src/runtime/', pathNot: aTest },
      to: { path: '^packages/client/src/net/' },
    },
    {
      name: 'client-parts-know-nothing-of-each-other',
      severity: 'error',
      from: { path: '^packages/client/src/(producer|consumer|admin|group)/', pathNot: aTest },
      to: {
        path: '^packages/client/src/(producer|consumer|share|admin|exactly-once)/',
        pathNot: ['^packages/client/src/$1/'],
      },
    },
    {
      name: 'client-share-groups-above-the-consumer',
      comment: 'share reads records and topics as the consumer does.',
      severity: 'error',
      from: { path: '^packages/client/src/share/', pathNot: aTest },
      to: { path: '^packages/client/src/(producer|admin)/' },
    },
    ...testkitLayerRules,
    {
      name: 'testkit-file-has-a-layer',
      severity: 'error',
      from: { path: '^packages/testkit/src/', pathNot: [testkitPaths(testkitLayers.flat()), '\\.test\\.ts$'] },
      to: {},
    },
    {
      name: 'src-imports-no-test',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: '\\.test\\.ts$' },
      to: { path: '(^packages/[^/]+/test/|\\.test\\.ts$)' },
    },
    {
      name: 'testkit-group-kinds-are-siblings',
      comment:
        'coordinators <- offsets <- {classic, consumer, streams, share groups, transactions} <- group-coordinator.',
      severity: 'error',
      from: { path: `^${testkitState}/(${groupKinds})/`, pathNot: aTest },
      to: { path: `^${testkitState}/(${groupKinds})/`, pathNot: [`^${testkitState}/$1/`] },
    },
    {
      name: 'testkit-group-kinds-below-the-coordinator',
      severity: 'error',
      from: { path: `^${testkitState}/(coordinators|offsets|${groupKinds})/`, pathNot: aTest },
      to: { path: `^${testkitState}/group-coordinator/` },
    },
    {
      name: 'testkit-group-kinds-above-the-offsets',
      severity: 'error',
      from: { path: `^${testkitState}/(coordinators|offsets)/`, pathNot: aTest },
      to: { path: `^${testkitState}/(${groupKinds})/` },
    },
    {
      name: 'testkit-group-kinds-offsets-above-the-shard',
      severity: 'error',
      from: { path: `^${testkitState}/coordinators/`, pathNot: aTest },
      to: { path: `^${testkitState}/offsets/` },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: ['/dist/', '^artifacts/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@ottla/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
    },
  },
}
