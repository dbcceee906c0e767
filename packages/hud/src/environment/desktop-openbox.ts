/**
 * How openbox manages a desktop's windows: new ones get the keyboard, clicks focus and raise, title bars and edges move and resize.
 * No menus: those of the distribution start terminals.
 */
const bind = (context: string, bindings: string): string => `<context name="${context}">${bindings}</context>`;
const mouse = (button: string, action: string, ...actions: string[]): string =>
  `<mousebind button="${button}" action="${action}">${actions.map((name) => `<action name="${name}"/>`).join('')}</mousebind>`;
const CHOOSE = ['Focus', 'Raise'];

export const OPENBOX_CONFIG = `<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew><followMouse>no</followMouse><focusLast>yes</focusLast></focus>
  <placement><policy>Smart</policy><center>yes</center></placement>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <theme><name>Clearlooks</name><titleLayout>NLIMC</titleLayout></theme>
  <keyboard>
    <keybind key="A-F4"><action name="Close"/></keybind>
    <keybind key="A-Tab"><action name="NextWindow"/></keybind>
  </keyboard>
  <mouse>
    <dragThreshold>1</dragThreshold><doubleClickTime>500</doubleClickTime>
    ${bind('Client', ['Left', 'Middle', 'Right'].map((button) => mouse(button, 'Press', ...CHOOSE)).join(''))}
    ${bind('Titlebar', mouse('Left', 'Press', ...CHOOSE) + mouse('Left', 'Drag', 'Move') + mouse('Left', 'DoubleClick', 'ToggleMaximize'))}
    ${['Top', 'Left', 'Right', 'Bottom', 'TLCorner', 'TRCorner', 'BLCorner', 'BRCorner']
      .map((edge) => bind(edge, mouse('Left', 'Press', ...CHOOSE) + mouse('Left', 'Drag', 'Resize')))
      .join('')}
    ${bind('Close', mouse('Left', 'Press', ...CHOOSE) + mouse('Left', 'Click', 'Close'))}
    ${bind('Maximize', mouse('Left', 'Press', ...CHOOSE) + mouse('Left', 'Click', 'ToggleMaximize'))}
    ${bind('Iconify', mouse('Left', 'Press', ...CHOOSE) + mouse('Left', 'Click', 'Iconify'))}
  </mouse>
  <applications><application class="*"><focus>yes</focus></application></applications>
</openbox_config>
`;
