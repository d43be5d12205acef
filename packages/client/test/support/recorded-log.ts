import { type Logger, silentLogger } from '../../src/index.ts'

/** The log of a client that is expected to warn: its warnings and errors, as a test can check them. */
export interface RecordedLog {
  readonly logger: Logger
  readonly lines: readonly string[]
}

export function recordedLog(): RecordedLog {
  const lines: string[] = []
  const keep = (message: string, fields: unknown) => lines.push(`${message} ${JSON.stringify(fields)}`)
  return { logger: { ...silentLogger, warn: keep, error: keep }, lines }
}
