import type { z } from 'zod';

/**
 * A demand on one object that its members' types cannot express, written twice side by side: as a predicate for the
 * command line and as CEL for the API server. A refinement without its twin would hold in one world only.
 */
export interface Rule<Value> {
  readonly holds: (value: Value) => boolean;
  readonly cel: string;
  readonly message: string;
  /** What to do, as a sentence. */
  readonly fix: string;
  /** CEL that builds the message from the object, where naming what was found helps. */
  readonly messageCel?: string;
  /** The same as `messageCel`, for the command line. */
  readonly says?: (value: Value) => string;
}

/** A validation rule as a CustomResourceDefinition carries it. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly messageExpression?: string;
}

/** Attaches rules to a schema, for both worlds. Describe the schema before, not after. */
export function withRules<Schema extends z.ZodType>(schema: Schema, ...rules: Rule<z.output<Schema>>[]): Schema {
  const refined = schema.superRefine((value, context) => {
    for (const rule of rules) {
      if (rule.holds(value)) continue;
      context.addIssue({ code: 'custom', message: rule.says?.(value) ?? rule.message, params: { fix: rule.fix } });
    }
  });
  return refined.meta({ ...schema.meta(), 'x-kubernetes-validations': rules.map(celOf) });
}

function celOf({ cel, message, messageCel }: Rule<never>): CelRule {
  return { rule: cel, message, ...(messageCel === undefined ? {} : { messageExpression: messageCel }) };
}

type Members = Readonly<Record<string, unknown>>;

/** Exactly one of several optional members is given. */
export function exactlyOne<Value extends object>(...names: (keyof Value & string)[]): Rule<Value> {
  const given = (value: Value) => names.filter((name) => (value as Members)[name] !== undefined);
  const message = `exactly one of ${names.join(', ')} is needed`;
  const found = names.map((name) => `(has(self.${name}) ? ' ${name}' : '')`).join(' + ');
  return {
    holds: (value) => given(value).length === 1,
    cel: `[${names.map((name) => `has(self.${name})`).join(', ')}].exists_one(x, x)`,
    message,
    fix: 'Keep one of them.',
    messageCel: `'${message}; found:' + ${found}`,
    says: (value) => `${message}; found: ${given(value).join(', ') || 'none'}`,
  };
}

/** A member makes sense only beside another one. */
export function needs<Value extends object>(
  name: keyof Value & string,
  ...others: (keyof Value & string)[]
): Rule<Value> {
  const present = (value: Value, member: string) => (value as Members)[member] !== undefined;
  return {
    holds: (value) => !present(value, name) || others.some((other) => present(value, other)),
    cel: `!has(self.${name}) || ${others.map((other) => `has(self.${other})`).join(' || ')}`,
    message: `${name} needs ${others.join(' or ')} beside it`,
    fix: `Add ${others.join(' or ')}, or leave ${name} out.`,
  };
}

/** `low` is not above `high` where both are given. */
export function ordered<Value extends object>(low: keyof Value & string, high: keyof Value & string): Rule<Value> {
  return {
    holds: (value) => {
      const [from, to] = [value[low], value[high]];
      return typeof from !== 'number' || typeof to !== 'number' || from <= to;
    },
    cel: `!has(self.${low}) || !has(self.${high}) || self.${low} <= self.${high}`,
    message: `${low} must not be above ${high}`,
    fix: `Lower ${low} or raise ${high}.`,
  };
}

/** Members that keep the value they were created with. Only the API server knows an object's past: this holds there. */
export function unchanging<Value extends object>(...names: string[]): Rule<Value> {
  const same = names.map(
    (name) => `has(self.${name}) == has(oldSelf.${name}) && (!has(self.${name}) || self.${name} == oldSelf.${name})`,
  );
  return {
    holds: () => true,
    cel: same.join(' && '),
    message: `${names.join(', ')} cannot be changed`,
    fix: 'Create another one.',
  };
}
