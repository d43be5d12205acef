import { parseSync } from 'oxc-parser'

/** One thing that a source file may not do. */
export interface Finding {
  readonly line: number
  readonly rule: string
  readonly message: string
}

/** A node of the syntax tree: only what the rules read. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [property: string]: unknown
}

/** What the rules need to know about a file, derived from its path. */
export interface FileKind {
  /** Time, randomness and the network must come through the Runtime. */
  readonly throughRuntime: boolean
  /** A test or a program's test: long `describe` callbacks are fine. */
  readonly test: boolean
  readonly defaultExport: boolean
}

const maxFunctionLines = 70

/** Global functions and classes that reach the clock, randomness or the network. */
const hostGlobals = new Set(
  'Date performance setTimeout clearTimeout setInterval clearInterval setImmediate clearImmediate crypto fetch'.split(
    ' ',
  ),
)
const hostMembers = new Set(['Math.random', 'AbortSignal.timeout', 'process.hrtime'])
const hostModules = /^(node:)?(net|tls|dns|timers|perf_hooks|http|https|dgram)(\/promises)?$/

/** Finds all violations in one file. Throws when the file cannot be parsed. */
export function inspect(path: string, text: string, kind: FileKind): Finding[] {
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0]?.message}`)

  const lineOf = lineFinder(text)
  const findings: Finding[] = []
  const report = (node: { start: number }, rule: string, message: string) =>
    findings.push({ line: lineOf(node.start), rule, message })

  for (const comment of comments) {
    const mark = /\b(TODO|FIXME|XXX|HACK)\b/.exec(comment.value)
    if (mark) report(comment, 'unfinished', `a comment says ${mark[0]}`)
    if (kind.throughRuntime && /biome-ignore .*(noRestricted|noJsRestricted)/.test(comment.value)) {
      report(comment, 'runtime', 'a ban of the host clock, randomness or network is silenced')
    }
    if (/@ts-(ignore|nocheck)/.test(comment.value)) report(comment, 'types', 'the type checker is silenced')
  }

  walk(program as unknown as Node, undefined, (node, parent) => {
    checkTypes(node, report)
    checkClass(node, report)
    if (!kind.test) checkLength(node, parent, lineOf, report)
    if (!kind.defaultExport && node.type === 'ExportDefaultDeclaration') {
      report(node, 'names', 'a default export: give it a name')
    }
    if (kind.throughRuntime) checkRuntime(node, parent, report)
  })
  return findings
}

/** Every module that a file names, with the position of the import. */
export function importsOf(path: string, text: string): { line: number; from: string; typeOnly: boolean }[] {
  const lineOf = lineFinder(text)
  const found: { line: number; from: string; typeOnly: boolean }[] = []
  walk(parseSync(path, text).program as unknown as Node, undefined, (node) => {
    if (!/^(Import|ExportNamed|ExportAll)(Declaration|Expression)$/.test(node.type)) return
    const source = node.source as { value?: unknown } | null
    if (typeof source?.value !== 'string') return
    const typeOnly = node.importKind === 'type' || node.exportKind === 'type'
    found.push({ line: lineOf(node.start), from: source.value, typeOnly })
  })
  return found
}

type Report = (node: { start: number }, rule: string, message: string) => void

function checkTypes(node: Node, report: Report): void {
  if (node.type === 'TSAnyKeyword') report(node, 'types', '`any`: use a type or `unknown`')
  if (node.type === 'TSEnumDeclaration') report(node, 'types', 'an enum: use a union of strings')
  if (node.type === 'TSParameterProperty') report(node, 'types', 'a parameter property: declare the field')
}

function checkClass(node: Node, report: Report): void {
  if (node.type !== 'ClassDeclaration' && node.type !== 'ClassExpression') return
  const parent = node.superClass as { name?: string } | null
  if (parent && !parent.name?.endsWith('Error')) report(node, 'composition', 'inheritance is for errors only')
  for (const member of (node.body as { body: Node[] }).body) {
    // A constructor cannot be #private.
    const keyword = member.kind === 'constructor' ? undefined : member.accessibility
    if (keyword === 'private' || keyword === 'protected') {
      report(member, 'composition', `\`${keyword}\`: use #name`)
    }
  }
}

function checkLength(node: Node, parent: Node | undefined, lineOf: (at: number) => number, report: Report): void {
  if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) return
  const lines = lineOf(node.end - 1) - lineOf(node.start) + 1
  if (lines <= maxFunctionLines) return
  const name = nameOf(node) ?? (parent && nameOf(parent)) ?? 'a function'
  report(node, 'length', `${name} has ${lines} lines, the limit is ${maxFunctionLines}`)
}

function checkRuntime(node: Node, parent: Node | undefined, report: Report): void {
  if (node.type === 'ImportDeclaration' && node.importKind !== 'type') {
    const from = String((node.source as { value: unknown }).value)
    if (hostModules.test(from)) report(node, 'runtime', `${from} belongs to the Runtime`)
  }
  if (node.type === 'MemberExpression') {
    const object = (node.object as { name?: string }).name
    const property = (node.property as { name?: string }).name
    if (hostMembers.has(`${object}.${property}`)) report(node, 'runtime', `${object}.${property}: use the Runtime`)
    if (object === 'globalThis' && property && hostGlobals.has(property)) {
      report(node, 'runtime', `globalThis.${property}: use the Runtime`)
    }
  }
  // Called or constructed: a property or a parameter may well be named `fetch`.
  if (node.type === 'Identifier' && (parent?.type === 'CallExpression' || parent?.type === 'NewExpression')) {
    const name = String(node.name)
    if (parent.callee === node && hostGlobals.has(name)) report(node, 'runtime', `${name}: use the Runtime`)
  }
  if (node.type === 'Identifier' && parent?.type === 'MemberExpression' && parent.object === node) {
    const name = String(node.name)
    if (/^(Date|performance|crypto)$/.test(name)) report(node, 'runtime', `${name}: use the Runtime`)
  }
}

function nameOf(node: Node): string | undefined {
  const named = (node.id ?? node.key) as { name?: string } | null | undefined
  return named?.name
}

export function walk(
  node: Node,
  parent: Node | undefined,
  visit: (node: Node, parent: Node | undefined) => void,
): void {
  visit(node, parent)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child && typeof child === 'object' && typeof (child as Node).type === 'string')
        walk(child as Node, node, visit)
    }
  }
}

export function lineFinder(text: string): (at: number) => number {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (at) => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] ?? 0) <= at) low = middle
      else high = middle - 1
    }
    return low + 1
  }
}
