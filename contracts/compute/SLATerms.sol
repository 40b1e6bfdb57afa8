// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {SLAStorage} from "./SLAStorage.sol";
import {TermsCode, TermsHead} from "./TermsCode.sol";

/// @notice The first words of what `IVMLifecycle.vmOf` returns, a struct of words only: the rest is not decoded.
interface IVMHead {
    function vmOf(uint256 vmId)
        external
        view
        returns (
            address customer,
            uint256 policyId,
            uint256 state,
            uint256 origin,
            uint256 released,
            uint256 holding,
            uint256 epoch,
            uint256 hostId
        );
}

/// @title SLATerms
/// @notice Terms, which lie as code, the windows they speak of, and how long a VM was due in them.
abstract contract SLATerms is SLAStorage {
    function _termsOf(AgreementData storage agreement) internal view returns (TermsHead memory) {
        return TermsCode.read(agreement.terms);
    }

    function _windowOf(AgreementData storage agreement, TermsHead memory terms, uint256 window)
        internal
        view
        returns (uint256 from, uint256 to)
    {
        from = agreement.startedAt + window * terms.window;
        to = from + terms.window;
    }

    /// @dev The window that ended last.
    function _lastWindow(uint256 slaId, AgreementData storage agreement, TermsHead memory terms)
        internal
        view
        returns (uint256)
    {
        uint256 ended = (block.timestamp - agreement.startedAt) / terms.window;
        if (ended == 0) revert SLA_WindowOpen(slaId, 0);
        return (ended < agreement.windows ? ended : agreement.windows) - 1;
    }

    /// @dev A window that has ended.
    function _endedWindow(uint256 slaId, AgreementData storage agreement, TermsHead memory terms, uint256 window)
        internal
        view
        returns (uint256 from, uint256 to)
    {
        if (window < agreement.windows) {
            (from, to) = _windowOf(agreement, terms, window);
            if (block.timestamp >= to) return (from, to);
        }
        revert SLA_WindowOpen(slaId, window);
    }

    /// @dev Whose VM it is, and whose host it is on.
    function _partiesOf(uint256 vmId) internal view returns (address provider, address customer, uint256 hostId) {
        IVMLifecycle lifecycle_ = _sla().lifecycle;
        (customer,,,,,,, hostId) = IVMHead(address(lifecycle_)).vmOf(vmId);
        (provider,) = IHostRegistry(lifecycle_.registry()).partiesOf(hostId);
    }

    /// @dev Less maintenance; nothing while the VM is on another's host.
    function _dueIn(TermsHead memory terms, uint256 from, uint256 to) internal view returns (uint256) {
        if (terms.vmId == 0) return to - from;
        (address provider,, uint256 hostId) = _partiesOf(terms.vmId);
        if (provider != terms.provider) return 0;
        IVMLifecycle lifecycle_ = _sla().lifecycle;
        uint256 due = lifecycle_.dueIn(terms.vmId, uint40(from), uint40(to));
        uint256 maintenance = IHostRegistry(lifecycle_.registry()).maintenanceIn(hostId, uint40(from), uint40(to));
        return due > maintenance ? due - maintenance : 0;
    }
}
