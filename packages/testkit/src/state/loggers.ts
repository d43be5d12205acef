const levels = ['DEBUG', 'ERROR', 'FATAL', 'INFO', 'TRACE', 'WARN']

/** Loggers of Kafka's brokers; nothing in the testkit logs to them. */
const initialLevels: ReadonlyMap<string, string> = new Map(
  ['root', 'kafka.authorizer.logger', 'kafka.request.logger', 'state.change.logger'].map((name) => [name, 'WARN']),
)

/** The levels of one broker's loggers (KIP-412); a restart resets them. */
export class Loggers {
  readonly #levels = new Map(initialLevels)

  all(): ReadonlyMap<string, string> {
    return this.#levels
  }

  has(name: string): boolean {
    return this.#levels.has(name)
  }

  /** Undefined: the level of the root logger. */
  set(name: string, level: string | undefined): void {
    this.#levels.set(name, level ?? this.#levels.get('root') ?? 'WARN')
  }

  /** Why a level cannot be set, in Kafka's words; undefined when it can. */
  problemWith(name: string, level: string): string | undefined {
    if (!this.has(name)) return `Logger ${name} does not exist!`
    if (levels.includes(level)) return undefined
    const valid = `Valid log levels are ${levels.join(', ')}`
    return `Cannot set the log level of ${name} to ${level} as it is not a supported log level. ${valid}`
  }

  close(): void {}
}
