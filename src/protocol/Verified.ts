declare const verifiedBrand: unique symbol;

/** A value whose signatures were checked. Made only by the verify functions of this folder. */
export type Verified<T> = T & { readonly [verifiedBrand]: true };
