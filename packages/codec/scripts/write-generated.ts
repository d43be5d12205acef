// Writes src/generated; started by scripts/write-generated.mjs with the folder of the repository.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generatedFiles } from './generated-files.ts'

const repository = process.argv[2]!
for (const [path, text] of generatedFiles(repository)) {
  mkdirSync(dirname(join(repository, path)), { recursive: true })
  writeFileSync(join(repository, path), text)
  console.log(path)
}
