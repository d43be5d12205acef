import type { ChildProcess } from 'node:child_process'

/** Where the jars are, and the Java that runs them. */
export interface Distribution {
  readonly java: string
  /** Folder of the jars of Kafka. */
  readonly libs: string
}

/** Releases that can be started. Before 4.0 without TLS and SASL where they run on ZooKeeper (2.1). */
export type ReleaseName = '2.1' | '3.9' | '4.3'

export type Availability = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Receives one line of progress, without a line end. */
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
  /** The jars of this release. Default: the latest. */
  readonly release?: ReleaseName
}

export interface KafkaOptions {
  /** Nodes, each broker and controller. Default 3. */
  readonly brokers?: number
  /** Default: the latest. */
  readonly release?: ReleaseName
  /** Additional lines of server.properties, which override ours. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /** First port; node i uses `port + 10 * (i - 1)` and the next five. Default: free ports. */
  readonly port?: number
  /** Folder for data, logs and certificates; removed by `close`. Default: a new one in the temporary folder. */
  readonly dir?: string
  /** Flags of the nodes' JVM. Default: 384 MB of heap, and what starts quickest; a benchmark needs `-XX:+UseG1GC`. */
  readonly jvmFlags?: readonly string[]
  /** Default: to stderr, prefixed with `kafka: `. */
  readonly log?: Log
}

/** Addresses of one listener, `host:port`, one per broker. */
export type Addresses = readonly string[]

/** Everything a test needs to connect, as plain data that can be sent to another process. */
export interface KafkaAddresses {
  readonly bootstrap: Addresses
  /** SASL_PLAINTEXT. */
  readonly sasl: Addresses
  readonly saslSsl: Addresses
  readonly ssl: Addresses
  /** TLS whose certificate is for `broker.example.com` only. */
  readonly wrongHost: Addresses
  /** PEM of the CA that signed the brokers' certificates, and of an unrelated CA. */
  readonly ca: string
  readonly otherCa: string
  readonly clientCert: string
  readonly clientKey: string
  readonly dir: string
}

export interface RunningKafka extends KafkaAddresses {
  /** Kills node `id` with SIGKILL and waits until it is gone. */
  stop(id: number): Promise<void>
  /** Restarts node `id` with its data and waits until it is ready and sees all running nodes. */
  start(id: number): Promise<void>
  /** Node `id` hangs (SIGSTOP): its connections stay open without responses. */
  pause(id: number): void
  /** It continues. */
  resume(id: number): void
  isUp(id: number): boolean
  /** Runs one of Kafka's command line classes. Rejects when it cannot run or takes too long, not for its exit code. */
  run(mainClass: string, args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** Starts a long-lived Java program, which dies with the cluster. `arguments` follow the classpath. */
  spawn(args: readonly string[]): ChildProcess
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export const kafkaVersion: string

/** Whether Java 17 (and Maven, until the jars are cached) are available; else what is missing. */
export function available(release?: ReleaseName): Availability

/** Finds Java and the jars; downloads the jars once, and again after an interrupted download. */
export function distribution(log?: Log, release?: ReleaseName): Promise<Distribution>

/** Starts a real Kafka (KRaft). It stops when this process ends in any way. */
export function startKafka(options?: KafkaOptions): Promise<RunningKafka>

/** Runs one of Kafka's command line classes without a cluster of ours. */
export function runJava(mainClass: string, args: readonly string[], options?: RunOptions): Promise<RunResult>

/** Starts a Java program with Kafka's jars on its classpath; it dies with this process. */
export function spawnJava(distribution: Distribution, args: readonly string[]): ChildProcess

/** The first of six free ports (of sixteen for two nodes, and so on), below the range of ephemeral ports. */
export function findPorts(nodes: number): Promise<number>
