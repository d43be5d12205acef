// `node scripts/write-generated.mjs`: writes src/generated, the generated code of the hot messages, from their tables.
import { fileURLToPath } from 'node:url'
import { runTypeScript } from '../../../scripts/lib/run-typescript.mjs'

const codec = fileURLToPath(new URL('..', import.meta.url))
const repository = fileURLToPath(new URL('../../..', import.meta.url))
process.exit(await runTypeScript(codec, 'scripts/write-generated.ts', [repository]))
