export { DecodeError, type DecodeErrorDetails } from './decode-error.ts'
export { Reader } from './reader.ts'
export { Writer } from './writer.ts'
