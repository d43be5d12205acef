import { parseSync } from 'oxc-parser'
import { type Finding, lineFinder, type Node, walk } from './tidy-rules.ts'

const moving = new Set(
  'start startByPolicy forget reset truncate skip hand handAll extend settle settleBefore giveBack rewind storeAhead'.split(
    ' ',
  ),
)
const committing = new Set(['foundCommit', 'restore', 'stored', 'storedExplicitly', 'refuseAhead'])

const folder = 'packages/client/src/consumer/'
/** The only files that move the progress of a partition: it is where records are skipped or committed past. */
const movers = [
  'partition/assigned-partition.ts',
  'partition/partition-buffer.ts',
  'reading/delivery.ts',
  'reading/marks.ts',
]
/** The only files that record what is committed. */
const committers = ['offsets/commit-entry.ts', 'offsets/positions.ts']

/**
 * Finds other writers of the state of a partition in a file of the consumer: a call of a method of `Progress` that another file owns,
 * a `progress` under another name (its calls would not be seen), and public fields in `partition/` that can be assigned to.
 */
export function stateWriters(path: string, text: string): Finding[] {
  const findings: Finding[] = []
  const lineOf = lineFinder(text)
  const report = (node: Node, message: string) =>
    findings.push({ line: lineOf(node.start), rule: 'consumer state', message })
  const isOneOf = (owners: readonly string[]) => owners.some((owner) => path === folder + owner)
  const isState = path.startsWith(`${folder}partition/`)

  walk(parseSync(path, text).program as unknown as Node, undefined, (node) => {
    if (node.type === 'CallExpression') {
      const method = methodOfProgress(node.callee as Node)
      if (method === undefined) return
      if (moving.has(method) && !isOneOf(movers)) report(node, `progress.${method}() belongs to ${movers.join(', ')}`)
      if (committing.has(method) && !isOneOf(committers))
        report(node, `progress.${method}() belongs to ${committers.join(', ')}`)
    }
    if (renamesProgress(node)) report(node, 'progress under another name: call it progress')
    if (isState && isMutableField(node)) report(node, 'a public field that can be assigned to: make it #private')
  })
  return findings
}

/** 'settle' for `progress.settle` and `x.progress.settle`. */
function methodOfProgress(callee: Node): string | undefined {
  if (callee.type !== 'MemberExpression' || callee.computed === true) return undefined
  return isProgress(callee.object as Node) ? nameOf(callee.property as Node) : undefined
}

function isProgress(node: Node): boolean {
  if (node.type === 'Identifier') return node.name === 'progress'
  return node.type === 'MemberExpression' && nameOf(node.property as Node) === 'progress'
}

/** `const p = x.progress`, `const { progress: p } = x`, `p = x.progress`. */
function renamesProgress(node: Node): boolean {
  if (node.type === 'VariableDeclarator') return node.init !== null && isRenamed(node.init as Node, node.id as Node)
  if (node.type === 'AssignmentExpression') return isRenamed(node.right as Node, node.left as Node)
  return node.type === 'Property' && nameOf(node.key as Node) === 'progress' && isOther(node.value as Node)
}

const isRenamed = (from: Node, to: Node): boolean => isProgress(from) && isOther(to)
const isOther = (to: Node): boolean => to.type === 'Identifier' && to.name !== 'progress'

function isMutableField(node: Node): boolean {
  if (node.type !== 'PropertyDefinition' || node.static === true || node.readonly === true) return false
  return (node.key as Node).type !== 'PrivateIdentifier'
}

function nameOf(node: Node): string | undefined {
  return typeof node.name === 'string' ? node.name : undefined
}
