/** A path of field names and array indexes, from the innermost step outwards. */
export type Path = (string | number)[]

/** `topics[3].name` */
export function pathText(path: Path): string {
  let text = ''
  for (let i = path.length - 1; i >= 0; i--) {
    const step = path[i]!
    if (typeof step === 'number') text += `[${step}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}
