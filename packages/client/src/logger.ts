import { textOf } from './error-data.ts'
import { handledResult } from './runtime/deferred.ts'

/**
 * The details of a log message: strings, numbers, bigints, booleans, or arrays and objects of them. Never a secret, never
 * the key or value of a record. An exception is logged as `error` (its text) and `stack`.
 */
export type LogFields = Readonly<Record<string, unknown>>

/** What the client logs to. `console` and winston have this shape; for pino use `pinoLogger`. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** The methods of a pino logger that are used. They take the fields first. */
export interface PinoLike {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
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

/** A Logger for pino, or a child of one: `pinoLogger(pino())`. pino given as it is would drop every field. */
export function pinoLogger(pino: PinoLike): Logger {
  return Object.freeze({
    debug: (message: string, fields: LogFields = {}) => pino.debug(fields, message),
    info: (message: string, fields: LogFields = {}) => pino.info(fields, message),
    warn: (message: string, fields: LogFields = {}) => pino.warn(fields, message),
    error: (message: string, fields: LogFields = {}) => pino.error(fields, message),
  })
}

/** A logger whose methods neither throw nor reject: a failure of the application's logger must not become one of the client. */
export function guardedLogger(logger: Logger): Logger {
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    try {
      handledResult(logger[level](message, fields))
    } catch {
      // There is nowhere to report it.
    }
  }
  return Object.freeze({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') })
}

/** pino marks its loggers and their children with this symbol. */
const pinoMark = Symbol.for('pino.serializers')

export function isPino(logger: object): boolean {
  return pinoMark in logger
}

/** An exception as fields. Loggers that write JSON would show an Error as `{}`. */
export function errorFields(error: unknown): LogFields {
  try {
    return error instanceof Error ? { error: String(error), stack: error.stack } : { error: textOf(error) }
  } catch {
    return { error: textOf(error) }
  }
}

function fieldsText(fields: LogFields | undefined): string {
  if (fields === undefined) return ''
  let text = ''
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) text += ` ${name}=${valueText(value)}`
  }
  return text
}

/** On one line: line breaks are escaped. */
function valueText(value: unknown): string {
  const bigints = (_name: string, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return String(value)
  return JSON.stringify(value, bigints)
}
