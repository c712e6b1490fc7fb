/** `-n=ns` as users of kubectl type it: a short flag, an equals sign, its value. Commander would keep the sign. */
export function splitShortFlags(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  const flags = end < 0 ? args : args.slice(0, end);
  const rest = end < 0 ? [] : args.slice(end);
  return [...flags.flatMap((arg) => (/^-[a-zA-Z]=/.test(arg) ? [arg.slice(0, 2), arg.slice(3)] : [arg])), ...rest];
}
