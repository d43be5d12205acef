// Prints the expressions of a table as TypeScript. Biome formats them; only the layout that Biome preserves matters here:
// whether an object starts on its own line.
const width = 120

class Call {
  constructor(name, args) {
    this.name = name
    this.args = args
  }
}

class Inline {
  constructor(text) {
    this.text = text
  }
}

/** A call of a field function. */
export const call = (name, ...args) => new Call(name, args)

/** Verbatim text. */
export const inline = (text) => new Inline(text)

/** `column` is where the text starts on its first line; `spread` puts each entry of the outermost table on a line. */
export function print(value, column = 0, spread = false) {
  return lines(value, '', column, spread)
}

function lines(value, indent, column, spread = false) {
  const flat = oneLine(value)
  if (!spread && column + flat.length + 1 <= width) return flat
  if (value instanceof Call) return callLines(value, indent)
  if (isTable(value)) return tableLines(value, indent, spread)
  return flat
}

function tableLines(value, indent, spread) {
  const inner = `${indent}  `
  const entries = Object.entries(value).map(([key, item]) => {
    const start = `${inner}${key}: `
    // A struct or a message is read more easily with a field a line, even where it would fit on one.
    const open = spread && isTable(item) && Object.keys(item).length > 0
    return `${start}${lines(item, inner, start.length, open)},\n`
  })
  return `{\n${entries.join('')}${indent}}`
}

function callLines({ name, args }, indent) {
  if (args.length === 1 && isTable(args[0])) return `${name}(${tableLines(args[0], indent, false)})`
  const inner = `${indent}  `
  return `${name}(\n${args.map((arg) => `${inner}${lines(arg, inner, inner.length)},\n`).join('')}${indent})`
}

function isTable(value) {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function oneLine(value) {
  if (value instanceof Call) return `${value.name}(${value.args.map(oneLine).join(', ')})`
  if (value instanceof Inline) return value.text
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string') return `'${value}'`
  if (!isTable(value)) return String(value)
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${oneLine(item)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}
