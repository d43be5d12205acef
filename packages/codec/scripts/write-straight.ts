// Writes src/hot; started by scripts/write-straight.mjs with the folder of the repository.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { straightFiles } from './straight-files.ts'

const repository = process.argv[2]!
for (const [path, text] of straightFiles(repository)) {
  mkdirSync(dirname(join(repository, path)), { recursive: true })
  writeFileSync(join(repository, path), text)
  console.log(path)
}
