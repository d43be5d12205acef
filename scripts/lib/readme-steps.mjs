// What a page tells its reader to do: commands to type and files to save, in the order of the page.

/**
 * @typedef {{ kind: 'command', command: string, line: number } | { kind: 'file', name: string, text: string, line: number }} Step
 */

const command = /^(npm (run|test|install)|npx|node|bash)\b/

/**
 * Commands are the lines of `sh` blocks, and inline code that begins like one. A `ts` block is a file when the paragraph above
 * it names one: "Save this as `produce.mjs`".
 * @param {string} text
 * @returns {Step[]}
 */
export function stepsOf(text) {
  const lineOf = (/** @type {number} */ index) => text.slice(0, index).split('\n').length
  const fences = [...text.matchAll(/^```(\w*).*\n([\s\S]*?)^```$/gm)]
  /** @type {Step[]} */
  const steps = []
  let from = 0
  for (const fence of [...fences, undefined]) {
    const to = fence?.index ?? text.length
    const prose = text.slice(from, to)
    for (const span of prose.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)) {
      const [, code = ''] = span
      if (command.test(code)) steps.push({ kind: 'command', command: code, line: lineOf(from + span.index) })
    }
    if (fence === undefined) return steps
    const [whole, language, body = ''] = fence
    const line = lineOf(to)
    const name = /`([\w-]+\.mjs)`[^`]*$/.exec(prose)?.[1]
    if (language === 'ts' && name !== undefined) steps.push({ kind: 'file', name, text: body, line })
    if (language === 'sh') steps.push(...commandsIn(body, line + 1))
    from = to + whole.length
  }
  return steps
}

/**
 * @param {string} body
 * @param {number} line
 * @returns {Step[]}
 */
function commandsIn(body, line) {
  return body
    .split('\n')
    .map((text, i) => ({
      kind: /** @type {const} */ ('command'),
      command: text.replace(/\s+#.*$/, '').trim(),
      line: line + i,
    }))
    .filter((step) => step.command !== '')
}
