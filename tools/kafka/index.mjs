// biome-ignore-all lint/performance/noBarrelFile: the one entry of the tool, as packages have
export { startKafka } from './cluster.mjs'
export { available, distribution, kafkaVersion } from './distribution.mjs'
export { runJava, spawnJava } from './java.mjs'
export { findPorts } from './ports.mjs'
