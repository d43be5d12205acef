/** Values that go with a log line; never a secret, never a record's key or value. */
export type LogFields = Readonly<Record<string, unknown>>

/** What the client logs to: fits console, pino, winston and bunyan with a line of glue. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

function nothing(): void {}

export const silentLogger: Logger = Object.freeze({ debug: nothing, info: nothing, warn: nothing, error: nothing })

/** One line of text a message on stderr, from `level` upwards. */
export function consoleLogger(level: LogLevel = 'warn'): Logger {
  const lowest = levels.indexOf(level)
  const at = (name: LogLevel) =>
    levels.indexOf(name) < lowest
      ? nothing
      : (message: string, fields?: LogFields) => console.error(`ottla ${name}: ${message}${fieldsText(fields)}`)
  return Object.freeze({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') })
}

function fieldsText(fields: LogFields | undefined): string {
  if (fields === undefined) return ''
  let text = ''
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    text += ` ${name}=${typeof value === 'string' ? JSON.stringify(value) : String(value)}`
  }
  return text
}
