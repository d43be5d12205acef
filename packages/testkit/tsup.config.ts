import { libraryConfig } from '../../tsup.base.ts'

export default libraryConfig({
  index: 'src/index.ts',
  cli: 'src/cli.ts',
  'fixtures/vitest': 'src/fixtures/vitest.ts',
  'fixtures/node-test': 'src/fixtures/node-test.ts',
})
