/** Kafka's types of configs. */
export type ConfigType = 'boolean' | 'string' | 'int' | 'short' | 'long' | 'double' | 'list' | 'class' | 'password'

/** The type and the valid values of a config. */
export interface ConfigLimits {
  readonly type: ConfigType
  /** In the notation of Kafka's documentation: `[1,...]`, `[0,...,1]`, `[a, b]`; empty: all values of the type. */
  readonly valid?: string
}

const bits: Partial<Record<ConfigType, bigint>> = { short: 15n, int: 31n, long: 63n }

/** The items of a list as Kafka parses it, without duplicates. */
export function listOf(value: string): string[] {
  const trimmed = value.trim()
  return trimmed === '' ? [] : [...new Set(trimmed.split(',').map((item) => item.trim()))]
}

/** A value as Kafka returns it after parsing. */
export function shown(type: ConfigType, value: string): string {
  const trimmed = value.trim()
  switch (type) {
    case 'boolean':
      return trimmed.toLowerCase()
    case 'short':
    case 'int':
    case 'long':
      return String(BigInt(trimmed.replace(/^\+/, '')))
    case 'double':
      return javaDouble(Number(trimmed))
    case 'list':
      return listOf(value).join(',')
    default:
      return trimmed
  }
}

/** Why a value is invalid, in Kafka's words; undefined when it is valid. */
export function valueProblem(name: string, { type, valid = '' }: ConfigLimits, value: string): string | undefined {
  const invalid = (what: string, why: string) => `Invalid value ${what} for configuration ${name}: ${why}`
  const wrongType = typeProblem(type, value.trim())
  if (wrongType !== undefined) return invalid(value, wrongType)
  const read = shown(type, value)
  if (type === 'class' && read !== '') return invalid(value, `Class ${read} could not be found.`)
  if (name.endsWith('.throttled.replicas')) {
    if (/^(\*|(\d+:\d+(,\d+:\d+)*)?)$/.test(read)) return undefined
    const form = `${name} must be the literal '*' or a list of replicas in the following format: ${valid}`
    return invalid(`[${listOf(value).join(', ')}]`, form)
  }
  if (name === 'share.auto.offset.reset') return offsetResetProblem(name, read)
  const range = /^\[(-?\d+),\.\.\.(?:,(-?\d+))?\]( or -1)?$/.exec(valid)
  if (range !== null) {
    const why = rangeProblem(Number(read), range)
    return why && invalid(read, why)
  }
  const choice = /^\[(.*)\]$/.exec(valid)
  if (choice === null) return undefined
  const choices = (choice[1] ?? '').split(', ')
  const wrong = (type === 'list' ? listOf(value) : [read]).find((item) => !choices.includes(item))
  return wrong === undefined ? undefined : invalid(wrong, `String must be one of: ${choices.join(', ')}`)
}

function typeProblem(type: ConfigType, value: string): string | undefined {
  if (type === 'boolean') return /^(true|false)$/i.test(value) ? undefined : 'Expected value to be either true or false'
  const notANumber = `Not a number of type ${type.toUpperCase()}`
  if (type === 'double') return value !== '' && Number.isFinite(Number(value)) ? undefined : notANumber
  const size = bits[type]
  if (size === undefined) return undefined
  if (!/^[+-]?\d{1,19}$/.test(value)) return notANumber
  const number = BigInt(value.replace(/^\+/, ''))
  return number >= -(1n << size) && number < 1n << size ? undefined : notANumber
}

function rangeProblem(value: number, [, min, max, orMinusOne]: RegExpExecArray): string | undefined {
  if (orMinusOne !== undefined) {
    const isIn = value === -1 || (value >= Number(min) && value <= Number(max))
    return isIn ? undefined : `Value must be between ${min} and ${max} or equal to -1`
  }
  if (value < Number(min)) return `Value must be at least ${min}`
  return max !== undefined && value > Number(max) ? `Value must be no more than ${max}` : undefined
}

function offsetResetProblem(name: string, value: string): string | undefined {
  const duration = /^by_duration:P(?!$)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$/
  if (value === 'earliest' || value === 'latest' || duration.test(value)) return undefined
  const why = `The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.`
  const what = `Invalid value \`${value}\` for configuration ${name}. ${why}`
  return `Invalid value ${value} for configuration ${name}: ${what}`
}

/** Formats like Java's Double.toString. */
function javaDouble(value: number): string {
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits = '', exponent] = value.toExponential().split('e')
    return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
  }
  return Number.isInteger(value) ? `${value}.0` : String(value)
}
