import type { ChildProcess } from 'node:child_process'

/** Where the jars are, and the Java that runs them. */
export interface Distribution {
  readonly java: string
  /** Folder of the jars of Kafka 4.3.1. */
  readonly libs: string
}

export type Availability = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Takes one line of progress, without a line end. */
export type Log = (line: string) => void

export interface RunResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Written to the program's stdin, which then ends. */
  readonly input?: string
  /** The program is killed after this, and `run` rejects. Default 40 000. */
  readonly timeoutMs?: number
}

export interface KafkaOptions {
  /** Nodes, each broker and controller. Default 3. */
  readonly brokers?: number
  /** Further lines of server.properties, which win over ours. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /** First port; node i takes `port + 10 * (i - 1)` and the next five. Default: free ones. */
  readonly port?: number
  /** Folder for data, logs and certificates; removed by `close`. Default: a new one in the temporary folder. */
  readonly dir?: string
  /** Flags of the nodes' JVM. Default: 384 MB of heap, and what starts quickest; a benchmark wants `-XX:+UseG1GC`. */
  readonly jvmFlags?: readonly string[]
  /** Default: to stderr, with `kafka: ` in front. */
  readonly log?: Log
}

/** Addresses of one kind of listener, `host:port`, one a broker. */
export type Addresses = readonly string[]

/** All that a test needs to connect; plain data, so it can cross processes. */
export interface KafkaAddresses {
  readonly bootstrap: Addresses
  /** SASL_PLAINTEXT. */
  readonly sasl: Addresses
  readonly saslSsl: Addresses
  readonly ssl: Addresses
  /** TLS whose certificate is for `broker.example.com` only. */
  readonly wrongHost: Addresses
  /** PEM of the authority that signed the brokers' certificates, and of another that did not. */
  readonly ca: string
  readonly otherCa: string
  readonly clientCert: string
  readonly clientKey: string
  readonly dir: string
}

export interface RunningKafka extends KafkaAddresses {
  /** Kills node `id` with SIGKILL and waits until it is gone. */
  stop(id: number): Promise<void>
  /** Starts node `id` again with its data and waits until it serves and sees all running nodes. */
  start(id: number): Promise<void>
  isUp(id: number): boolean
  /** Runs one of Kafka's command line classes. Rejects when it cannot run or takes too long, not for its exit code. */
  run(mainClass: string, args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** Starts a long-lived Java program, which dies with the cluster. `arguments` follow the classpath. */
  spawn(args: readonly string[]): ChildProcess
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export const kafkaVersion: string

/** Whether Java 17 (and Maven, while the jars are not cached yet) are here; else what is missing. */
export function available(): Availability

/** Finds Java and the jars; downloads the jars once, and again when a download was interrupted. */
export function distribution(log?: Log): Promise<Distribution>

/** Starts a real Kafka (KRaft). It stops with this process, however that ends. */
export function startKafka(options?: KafkaOptions): Promise<RunningKafka>

/** Runs one of Kafka's command line classes without a cluster of ours. */
export function runJava(mainClass: string, args: readonly string[], options?: RunOptions): Promise<RunResult>

/** Starts a Java program with Kafka's jars on its classpath; it dies with this process. */
export function spawnJava(distribution: Distribution, args: readonly string[]): ChildProcess

/** The first of six free ports (of sixteen for two nodes, and so on), below those that outgoing connections take. */
export function findPorts(nodes: number): Promise<number>
