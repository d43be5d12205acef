/** What a schema found wrong with a value, as Standard Schema has it. Its message may contain a part of the value. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
