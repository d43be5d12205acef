// Writes src/state/configs/data/*-configs.ts: the names, types, defaults, limits and update modes of Kafka's configs, from the
// tables that Kafka's own classes print. Its sentences of documentation stay behind. `node scripts/import-configs.mjs`.

import { writeFile } from 'node:fs/promises'
import { kafkaVersion } from '../../../tools/kafka/distribution.mjs'
import { runJava } from '../../../tools/kafka/java.mjs'

const folder = new URL('../src/state/configs/data/', import.meta.url)

/** @param {string} html */
const plain = (html) =>
  html.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&').trim()

/**
 * @param {string} mainClass
 * @returns {Promise<{ name: string, type: string, initial: string, valid: string, mode: string }[]>}
 */
async function tableOf(mainClass) {
  const { code, stdout, stderr } = await runJava(mainClass, [])
  if (code !== 0) throw new Error(`${mainClass}: ${stderr}`)
  return Array.from(stdout.matchAll(/<h4><a id="([^"]+)"[\s\S]*?<table><tbody>([\s\S]*?)<\/tbody>/g), (match) => {
    const [, name = '', body = ''] = match
    /** @type {Record<string, string>} */
    const cells = {}
    for (const [, head = '', cell = ''] of body.matchAll(/<th>([^<]*):<\/th><td>([\s\S]*?)<\/td>/g)) {
      cells[head] = plain(cell)
    }
    const { Type = '', Default = '' } = cells
    // The unit that follows a number is for people.
    const initial = Default === '' ? '-' : Default === 'null' ? '~' : Default.replace(/^(-?\d+) \(.*\)$/, '$1')
    const valid = cells['Valid Values'] ?? ''
    return { name, type: Type, initial, valid, mode: cells['Update Mode'] ?? '' }
  })
}

/** @param {string} file @param {string} name @param {string} about @param {readonly (readonly string[])[]} rows */
async function write(file, name, about, rows) {
  const lines = rows.map((row) => row.join(' ').trim()).sort()
  for (const line of lines) if (/[`\\$]/.test(line)) throw new Error(`cannot be written as it is: ${line}`)
  const text = `/** ${about} */\n// Of Apache Kafka ${kafkaVersion}; written by scripts/import-configs.mjs.\nexport const ${name} = \`\n${lines.join('\n')}\n\`\n`
  await writeFile(new URL(file, folder), text)
}

const brokers = await tableOf('kafka.server.KafkaConfig')
const groups = await tableOf('org.apache.kafka.coordinator.group.GroupConfig')
const columns = 'name, type, update mode, default (- none, ~ null), valid values.'
await write(
  'broker-configs.ts',
  'brokerConfigRows',
  `Broker configs: ${columns}`,
  brokers.map(({ name, type, mode, initial, valid }) => [name, type, mode, initial, valid]),
)
await write(
  'group-configs.ts',
  'groupConfigRows',
  `Group configs: ${columns}`,
  groups.map(({ name, type, initial, valid }) => [name, type, 'cluster-wide', initial, valid]),
)
