/** The fields of `T` without `readonly`, for the owner of an object that others only read. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] }
