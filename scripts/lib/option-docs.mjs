import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
import { root } from './npx.mjs'

/** Where the options are declared, and the heading of their table. */
export const sections = [
  {
    title: 'Client: `new Kafka(options)`',
    file: 'packages/client/src/options.ts',
    name: 'KafkaOptions',
  },
  {
    title: 'Producer: `kafka.producer(options)`',
    file: 'packages/client/src/producer/options.ts',
    name: 'ProducerOptions',
  },
  {
    title: 'Transactions: `kafka.transactionalProducer(options)`, besides those of a producer',
    file: 'packages/client/src/producer/transactions/options.ts',
    name: 'TransactionalProducerOptions',
  },
  {
    title: 'Consumer: `kafka.consumer(options)`',
    file: 'packages/client/src/consumer/options.ts',
    name: 'ConsumerOptions',
  },
  {
    title: 'Exactly once: `kafka.processTransactionally(options)`, besides those of a consumer',
    file: 'packages/client/src/exactly-once/options.ts',
    name: 'TransactionalProcessorOptions',
  },
  {
    title: 'Share consumer: `kafka.shareConsumer(options)`',
    file: 'packages/client/src/share/options.ts',
    name: 'ShareConsumerOptions',
  },
  {
    title: 'Testkit: `createCluster(options)`',
    file: 'packages/testkit/src/cluster/options.ts',
    name: 'ClusterOptions',
  },
]

/**
 * The properties of an interface with their types and doc comments.
 * @param {{ file: string, name: string }} section
 * @returns {{ name: string, type: string, required: boolean, text: string }[]}
 */
export function optionsOf({ file, name }) {
  const source = readFileSync(join(root, file), 'utf8')
  const { program, comments } = parseSync(file, source)
  const declaration = program.body
    .map((statement) => (statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement))
    .find((statement) => statement?.type === 'TSInterfaceDeclaration' && statement.id.name === name)
  if (declaration?.type !== 'TSInterfaceDeclaration') throw new Error(`${file} declares no interface ${name}`)
  let from = declaration.body.start
  return declaration.body.body.flatMap((member) => {
    if (member.type !== 'TSPropertySignature' || member.key.type !== 'Identifier') return []
    const doc = comments.find(
      (comment) => comment.start >= from && comment.end <= member.start && comment.value[0] === '*',
    )
    from = member.end
    const type = source.slice(member.typeAnnotation?.typeAnnotation.start, member.typeAnnotation?.typeAnnotation.end)
    return [
      {
        name: member.key.name,
        type: type.replace(/\s*\|\s*undefined$/, '').replace(/\s+/g, ' '),
        required: !member.optional,
        text: (doc?.value ?? '')
          .replace(/^\s*\*+ ?/gm, '')
          .replace(/\s+/g, ' ')
          .trim(),
      },
    ]
  })
}

/** The page of all options, generated from the doc comments. */
export function optionsPage() {
  const cell = (text) => text.replaceAll('|', '\\|')
  const tables = sections.map((section) => {
    const rows = optionsOf(section).map(({ name, type, required, text }) => {
      const shown = `${required ? '(required) ' : ''}${text}`
      return `| \`${name}\` | \`${cell(type)}\` | ${cell(shown)} |`.replace('|  |', '| |')
    })
    return `## ${section.title}\n\n| Option | Type | Meaning |\n|---|---|---|\n${rows.join('\n')}\n`
  })
  return `# All options

Generated from the code by \`npm run docs:options\`: change the comments there. Times are in milliseconds, sizes in bytes, and
the name of an option ends in its unit. An unknown name, or a value out of range, is rejected immediately, with a message that
names the valid range.

${tables.join('\n')}`
}
