/** A dialog in which one types part of a name and chooses among what is found, with the arrow keys or a click. */
import { useId, useState, type JSX, type ComponentType, type KeyboardEvent } from 'react';
import { Dialog } from './dialog.tsx';

interface Props<T> {
  title: string;
  isWide?: boolean;
  /** Of the field. */
  label: string;
  placeholder: string;
  /** Of what is found. */
  listLabel: string;
  text: string;
  onText: (text: string) => void;
  items: readonly T[];
  idOf: (item: T) => string;
  row: ComponentType<{ item: T }>;
  /** Of a row's element. */
  rowClass: string;
  /** In place of rows where there are none. */
  nothing: string;
  onChoose: (item: T) => void;
  onClose: () => void;
}

export function Picker<T>(props: Props<T>): JSX.Element {
  const { items, idOf, row: Row, rowClass, onChoose, onText } = props;
  const [chosen, choose] = useState(0);
  const list = useId();
  const onKey = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const item = items[chosen];
    if (step !== 0) choose((chosen + step + items.length) % Math.max(1, items.length));
    else if (event.key !== 'Enter') return;
    else if (item !== undefined) onChoose(item);
    event.preventDefault();
  };
  return (
    <Dialog title={props.title} onClose={props.onClose} wide={props.isWide === true}>
      <input
        autoFocus
        role="combobox"
        aria-label={props.label}
        aria-expanded={items.length > 0}
        aria-controls={list}
        aria-activedescendant={items[chosen] === undefined ? undefined : `${list}-${chosen}`}
        placeholder={props.placeholder}
        className="box w-full bg-bg px-3 py-2"
        value={props.text}
        onChange={(event) => {
          onText(event.target.value);
          choose(0);
        }}
        onKeyDown={onKey}
      />
      <div id={list} role="listbox" aria-label={props.listLabel}>
        {items.map((item, i) => (
          <div
            key={idOf(item)}
            id={`${list}-${i}`}
            role="option"
            aria-selected={i === chosen}
            className={`cursor-pointer rounded-md px-3 py-1.5 pointer-coarse:min-h-10 ${rowClass} ${i === chosen ? 'bg-accent-soft' : ''}`}
            onPointerMove={() => choose(i)}
            onClick={() => onChoose(item)}
          >
            <Row item={item} />
          </div>
        ))}
        {items.length === 0 && <p className="px-3 text-ink-3">{props.nothing}</p>}
      </div>
    </Dialog>
  );
}
