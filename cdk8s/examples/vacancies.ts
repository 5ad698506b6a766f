import type { Construct } from 'constructs';
import { column, Pipeline, sql } from '../index.ts';

/** `examples/vacancies/pipeline.yaml`, in code. */
export const vacancies = (scope: Construct): Pipeline =>
  new Pipeline(scope, 'vacancies', {
    datasets: [
      {
        name: 'offers',
        key: ['code'],
        extract: { files: { paths: ['bolsa-de-empleo.csv'] } },
        format: { csv: { delimiter: ';' } },
        clean: {
          nulls: ['', 'a convenir'],
          columns: [
            column.string('code', 'Código', { required: true }),
            column.string('title', 'Cargo', { required: true }),
            column.string('department', 'Dependencia'),
            money('monthly_pay', 'Salario mensual', { parse: { number: { decimal: ',', group: '.' } } }),
            money('yearly_pay', { sql: "annual_pay(monthly_pay, 'PM')" }),
            column.integer('places', 'N.º de vacantes', { min: '1' }),
            column.date('closes_on', 'Fecha de cierre', { parse: { dates: ['%d/%m/%Y'] } }),
          ],
        },
      },
    ],
    transform: {
      models: [
        {
          name: 'departments',
          sql: sql`
            SELECT department, sum(places)::BIGINT AS places, max(yearly_pay) AS best_pay
            FROM offers GROUP BY department
          `,
          insight: sql`
            SELECT format('{:,} open places in {} departments, most of them in {}', sum(places)::BIGINT, count(*),
                          first(department ORDER BY places DESC, department))
            FROM departments
          `,
        },
      ],
    },
  });

const money = column.decimal(12, 2);
