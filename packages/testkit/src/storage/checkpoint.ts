import { readIfThere, writeAtomically } from './atomic-file.ts'

/** Writes a Kafka checkpoint file: version, number of lines, lines. */
export function writeCheckpoint(path: string, lines: readonly string[], isSynced: boolean): void {
  writeAtomically(path, `${[0, lines.length, ...lines].join('\n')}\n`, isSynced)
}

/** The lines, split at spaces; empty when the file is missing or incomplete, because its content can be derived again. */
export function readCheckpoint(path: string): string[][] {
  const text = readIfThere(path)?.toString('utf8')
  if (text === undefined) return []
  const [version, count, ...lines] = text.split('\n')
  if (version !== '0' || Number(count) !== lines.length - 1) return []
  return lines.slice(0, -1).map((line) => line.split(' '))
}
