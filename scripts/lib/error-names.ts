import { parseSync } from 'oxc-parser'
import { clientErrorCodes } from '../../packages/client/src/errors.ts'
import { allErrors } from '../../packages/codec/src/errors.ts'
import { type Finding, lineFinder, type Node, walk } from './tidy-rules.ts'

const names: ReadonlySet<string> = new Set([...allErrors().map(({ name }) => name), ...clientErrorCodes])

/** A numeric error code in a variable or a field: `errorCode`, `response.errorCode`, `code`. */
const codeVariable = /^(code|\w*[eE]rrorCode)$/

/**
 * Finds where a file interprets error codes: a comparison with a name or a number, a `case`, a list or an object of names. What a
 * code means is said in one table, `packages/client/src/error-meaning.ts`; other files map a meaning to their own action. Creating
 * an error with a code is fine.
 */
export function interpretedCodes(path: string, text: string): Finding[] {
  const findings: Finding[] = []
  const lineOf = lineFinder(text)
  const report = (node: Node, message: string) =>
    findings.push({ line: lineOf(node.start), rule: 'error codes', message: `${message}: use meaningOf()` })

  walk(parseSync(path, text).program as unknown as Node, undefined, (node) => {
    if (node.type === 'BinaryExpression' && /^[!=]==?$/.test(String(node.operator))) {
      const sides = [node.left as Node, node.right as Node]
      if (sides.some((side) => nameIn(side) !== undefined)) report(node, `compares with ${sides.map(nameIn).join('')}`)
      if (sides.some(isCodeVariable) && sides.some(isNumberOtherThanNone))
        report(node, 'compares an error code with a number')
    }
    if (node.type === 'SwitchCase') reportName(node.test as Node | null, 'a case of')
    if (node.type === 'ArrayExpression')
      for (const element of node.elements as (Node | null)[]) reportName(element, 'a list with')
    if (node.type === 'Property') reportName(node.key as Node, 'an object with')
  })
  return findings

  function reportName(node: Node | null, what: string): void {
    const name = node === null ? undefined : nameIn(node)
    if (node !== null && name !== undefined) report(node, `${what} ${name}`)
  }
}

/** The error that a literal or the key of an object names. */
function nameIn(node: Node): string | undefined {
  const text = node.type === 'Literal' ? node.value : node.type === 'Identifier' ? node.name : undefined
  return typeof text === 'string' && names.has(text) ? text : undefined
}

function isCodeVariable(node: Node): boolean {
  const named = node.type === 'MemberExpression' ? (node.property as Node) : node
  return named.type === 'Identifier' && codeVariable.test(String(named.name))
}

/** Zero is success, and -1 marks a code that is absent. */
function isNumberOtherThanNone(node: Node): boolean {
  return node.type === 'Literal' && typeof node.value === 'number' && node.value !== 0
}
