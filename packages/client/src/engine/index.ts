export { Engine, type EngineMember, engineOf } from './engine.ts'
export { EngineBatch } from './engine-batch.ts'
export { EngineReader, type EngineReadOptions } from './engine-reader.ts'
export { LentRecords } from './lent-records.ts'
