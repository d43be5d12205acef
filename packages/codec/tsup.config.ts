import { libraryConfig } from '../../tsup.base.ts'

export default libraryConfig({
  index: 'src/index.ts',
  'records/index': 'src/records/index.ts',
  'wire/index': 'src/wire/index.ts',
})
