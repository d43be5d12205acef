export { nodeBackgroundClock, nodeClock } from './node-clock.ts'
export type {
  DialTarget,
  Runtime,
  ServerTransport,
  Timer,
  TlsOptions,
  Transport,
  TransportReader,
} from './runtime.ts'
