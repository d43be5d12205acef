export { nodeClock } from './node-clock.ts'
export type {
  DialTarget,
  Runtime,
  ServerTransport,
  Timer,
  TlsOptions,
  Transport,
  TransportSink,
} from './runtime.ts'
