import { createCluster } from '@ottla/testkit'
const c = await createCluster({ listen: { host: '127.0.0.1', port: 21500 }, brokers: 3, topics: [{ name: 'sht', partitions: 3, replicationFactor: 3 }], onDiagnostic: (m) => console.log('DIAG', m), config: { 'group.share.assignment.interval.ms': 1000 } } as never)
console.log('ready', c.bootstrap.join(','))
setTimeout(async () => { await c.close(); process.exit(0) }, 110000)
